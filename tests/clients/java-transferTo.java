// Client: Java SocketChannel, transferTo
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
    static void transfer(FileChannel file, long from, long end, SocketChannel channel) throws Exception {
        while (from < end) {
            from += file.transferTo(from, end - from, channel);
        }
    }

    public static void main(String[] args) throws Exception {
        InetSocketAddress server = new InetSocketAddress(System.getenv("HOST"), Integer.parseInt(System.getenv("PORT")));
        String idle = System.getenv("IDLE");
        try (FileChannel file = FileChannel.open(Path.of(System.getenv("PAYLOAD")));
             SocketChannel channel = SocketChannel.open(server)) {
            long sent = 0;
            if (!idle.isEmpty()) {
                sent = 1000;
                transfer(file, 0, sent, channel);
                Thread.sleep(Integer.parseInt(idle) * 1000);
            }
            transfer(file, sent, file.size(), channel);
            channel.shutdownOutput();
            ByteBuffer answer = ByteBuffer.allocate(1024);
            while (channel.read(answer) >= 0) {
                answer.clear();
            }
        }
    }
}
