# Client: Ruby SSLSocket, write
# Package: ruby
# Needs: ruby
# Server: sink
# TLS: only
# Ends: 1 ETIMEDOUT
require 'openssl'
require 'socket'

context = OpenSSL::SSL::SSLContext.new
context.set_params(ca_file: ENV['CA'])
connection = TCPSocket.new(ENV['HOST'], ENV['PORT'])
socket = OpenSSL::SSL::SSLSocket.new(connection, context)
socket.hostname = 'localhost'
socket.connect
File.open(ENV['PAYLOAD'], 'rb') do |file|
  unless ENV['IDLE'].empty?
    socket.write(file.read(1000))
    sleep ENV['IDLE'].to_f
  end
  # In pieces: of a long string it moves the rest after each record.
  while (piece = file.read(65_536))
    socket.write(piece)
  end
end
socket.close   # which says that this is all, and leaves the connection open
connection.close_write
connection.read
