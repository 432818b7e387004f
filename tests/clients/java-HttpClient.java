// Client: Java HttpClient
// Package: openjdk-17-jdk-headless
// Needs: java javac keytool
// Weight: 2
// Server: http
// TLS: yes
// Build: javac -d $BUILT $FILE && keytool -importcert -noprompt -file $CA -keystore $BUILT/trust -storepass nothing
// Run: java -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData
//   -Djdk.httpclient.maxNonFinalResponses=0
//   -Djavax.net.ssl.trustStore=$BUILT/trust -Djavax.net.ssl.trustStorePassword=nothing -cp $BUILT Upload
// Ends: 1 java.io.IOException: Connection timed out
// Ends 1: 1 java.net.ConnectException
// Tries 1: 2
// Note: it connects a second time by itself, and of a failed connect it does not tell why; of interim answers (100
//   Continue) it takes 8, as it comes, and as many as there are with jdk.httpclient.maxNonFinalResponses=0
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;

class Upload {
    public static void main(String[] args) throws Exception {
        String idle = System.getenv("IDLE");
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(System.getenv("URL")));
        if (!idle.isEmpty()) {
            client.send(request.build(), HttpResponse.BodyHandlers.ofString());
            Thread.sleep(Integer.parseInt(idle) * 1000);
        }
        request.PUT(HttpRequest.BodyPublishers.ofFile(Path.of(System.getenv("PAYLOAD"))));
        client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }
}
