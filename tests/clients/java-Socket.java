// Client: Java Socket, OutputStream
// Package: openjdk-17-jdk-headless
// Needs: java javac
// Weight: 2
// Server: sink
// Build: javac -d $BUILT $FILE
// Run: java -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -cp $BUILT Upload
// Ends: 1 java.net.SocketException: Connection timed out
// Ends 1: 1 java.net.ConnectException: Connection timed out
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;

class Upload {
    public static void main(String[] args) throws Exception {
        byte[] data = Files.readAllBytes(Path.of(System.getenv("PAYLOAD")));
        String idle = System.getenv("IDLE");
        try (Socket socket = new Socket(System.getenv("HOST"), Integer.parseInt(System.getenv("PORT")))) {
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
