// Client: Java SocketChannel, write
// Package: openjdk-17-jdk-headless
// Needs: java javac
// Weight: 2
// Server: sink
// Build: javac -d $BUILT $FILE
// Run: java -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -cp $BUILT Upload
// Ends: 1 java.io.IOException: Connection timed out
// Ends 1: 1 java.net.ConnectException: Connection timed out
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

class Upload {
    static void writeAll(SocketChannel channel, ByteBuffer data) throws Exception {
        while (data.hasRemaining()) {
            channel.write(data);
        }
    }

    public static void main(String[] args) throws Exception {
        InetSocketAddress server = new InetSocketAddress(System.getenv("HOST"), Integer.parseInt(System.getenv("PORT")));
        String idle = System.getenv("IDLE");
        try (FileChannel file = FileChannel.open(Path.of(System.getenv("PAYLOAD")));
             SocketChannel channel = SocketChannel.open(server)) {
            ByteBuffer data = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size());
            if (!idle.isEmpty()) {
                writeAll(channel, data.slice(0, 1000));
                data.position(1000);
                Thread.sleep(Integer.parseInt(idle) * 1000);
            }
            writeAll(channel, data);
            channel.shutdownOutput();
            ByteBuffer answer = ByteBuffer.allocate(1024);
            while (channel.read(answer) >= 0) {
                answer.clear();
            }
        }
    }
}
