// Client: Java HttpClient
// Package: openjdk-17-jdk-headless
// Needs: java javac
// Weight: 2
// Server: http
// TLS: yes
// Build: javac -d $BUILT $FILE
// Run: java -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData
//   -Djdk.httpclient.maxNonFinalResponses=0 -cp $BUILT Upload
// Ends: 1 java.io.IOException: Connection timed out
// Ends 1: 1 java.net.ConnectException
// Tries 1: 2
// Note: it connects a second time by itself, and of a failed connect it does not tell why; of interim answers (100
//   Continue) it takes 8, as it comes, and as many as there are with jdk.httpclient.maxNonFinalResponses=0
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
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
        String idle = System.getenv("IDLE");
        HttpClient.Builder builder = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1);
        if (!System.getenv("TLS").isEmpty()) {
            builder.sslContext(trusting(System.getenv("CA")));
        }
        HttpClient client = builder.build();
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(System.getenv("URL")));
        if (!idle.isEmpty()) {
            client.send(request.build(), HttpResponse.BodyHandlers.ofString());
            Thread.sleep(Integer.parseInt(idle) * 1000);
        }
        request.PUT(HttpRequest.BodyPublishers.ofFile(Path.of(System.getenv("PAYLOAD"))));
        client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }
}
