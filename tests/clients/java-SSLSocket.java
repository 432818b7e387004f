// Client: Java SSLSocket
// Package: openjdk-17-jdk-headless
// Needs: java javac
// Weight: 2
// Server: sink
// TLS: only
// Build: javac -d $BUILT $FILE
// Run: java -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -cp $BUILT Upload
// Ends: 1 java.net.SocketException: Connection timed out
// Ends 1: 1 java.net.ConnectException: Connection timed out
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

class Upload {
    /** An SSLContext that trusts what is signed with the certificate in a PEM file. */
    static SSLContext trusting(String pem) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream in = Files.newInputStream(Path.of(pem))) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    public static void main(String[] args) throws Exception {
        byte[] data = Files.readAllBytes(Path.of(System.getenv("PAYLOAD")));
        String idle = System.getenv("IDLE");
        try (SSLSocket socket = (SSLSocket) trusting(System.getenv("CA")).getSocketFactory().createSocket(
                System.getenv("HOST"), Integer.parseInt(System.getenv("PORT")))) {
            OutputStream out = socket.getOutputStream();
            int sent = 0;
            if (!idle.isEmpty()) {
                sent = 1000;
                out.write(data, 0, sent);
                Thread.sleep(Integer.parseInt(idle) * 1000);
            }
            out.write(data, sent, data.length - sent);
            socket.shutdownOutput();
            InputStream in = socket.getInputStream();
            in.readAllBytes();
        }
    }
}
