# Client: Ruby TCPSocket, copy_stream
# Package: ruby
# Needs: ruby
# Server: sink
# Ends: 1 ETIMEDOUT
require 'socket'

socket = TCPSocket.new(ENV['HOST'], ENV['PORT'])
File.open(ENV['PAYLOAD'], 'rb') do |file|
  unless ENV['IDLE'].empty?
    socket.write(file.read(1000))
    sleep ENV['IDLE'].to_f
  end
  IO.copy_stream(file, socket)
end
socket.close_write
socket.read
socket.close
