// Client: Java SSLSocket
// Package: openjdk-17-jdk-headless
// Needs: java javac keytool
// Weight: 2
// Server: sink
// TLS: only
// Build: javac -d $BUILT $FILE && keytool -importcert -noprompt -file $CA -keystore $BUILT/trust -storepass nothing
// Run: java -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData
//   -Djavax.net.ssl.trustStore=$BUILT/trust -Djavax.net.ssl.trustStorePassword=nothing -cp $BUILT Upload
// Ends: 1 java.net.SocketException: Connection timed out
// Ends 1: 1 java.net.ConnectException: Connection timed out
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

class Upload {
    public static void main(String[] args) throws Exception {
        byte[] data = Files.readAllBytes(Path.of(System.getenv("PAYLOAD")));
        String idle = System.getenv("IDLE");
        try (SSLSocket socket = (SSLSocket) SSLSocketFactory.getDefault().createSocket(
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
