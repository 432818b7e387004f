// Client: Java HttpURLConnection, streaming
// Package: openjdk-17-jdk-headless
// Needs: java javac keytool
// Weight: 2
// Server: http
// TLS: yes
// Build: javac -d $BUILT $FILE && keytool -importcert -noprompt -file $CA -keystore $BUILT/trust -storepass nothing
// Run: java -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -Dhttp.keepAlive.time.server=60
//   -Djavax.net.ssl.trustStore=$BUILT/trust -Djavax.net.ssl.trustStorePassword=nothing -cp $BUILT Upload
// Ends: 1 java.io.IOException: Error writing request body to server
// Ends 1: 1 java.net.ConnectException: Connection timed out
// Ends 11: 1 java.net.SocketException: Connection timed out
// Note: does not tell why a write of the body failed
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;

class Upload {
    static void answer(HttpURLConnection connection) throws Exception {
        try (InputStream in = connection.getInputStream()) {
            in.readAllBytes();
        }
    }

    public static void main(String[] args) throws Exception {
        URL url = new URL(System.getenv("URL"));
        Path payload = Path.of(System.getenv("PAYLOAD"));
        String idle = System.getenv("IDLE");
        if (!idle.isEmpty()) {
            answer((HttpURLConnection) url.openConnection());
            Thread.sleep(Integer.parseInt(idle) * 1000);
        }
        HttpURLConnection connection = (HttpURLConnection) url.openConnection();
        connection.setRequestMethod("PUT");
        connection.setDoOutput(true);
        connection.setFixedLengthStreamingMode(Files.size(payload));
        try (OutputStream out = connection.getOutputStream()) {
            Files.copy(payload, out);
        }
        answer(connection);
    }
}
