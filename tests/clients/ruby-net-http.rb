# Client: Ruby Net::HTTP, body_stream
# Package: ruby
# Needs: ruby
# Server: http
# TLS: yes
# Ends: 1 ETIMEDOUT|OpenTimeout
# Note: with max_retries = 0, for Net::HTTP tries a PUT twice and does not rewind the stream in between: the server then
#   waits for an end that never comes
require 'net/http'

url = URI(ENV['URL'])
http = Net::HTTP.new(url.hostname, url.port)
http.use_ssl = url.scheme == 'https'
http.ca_file = ENV['CA']
http.max_retries = 0
http.keep_alive_timeout = 30
http.start do
  unless ENV['IDLE'].empty?
    http.get('/')
    sleep ENV['IDLE'].to_f
  end
  File.open(ENV['PAYLOAD'], 'rb') do |file|
    request = Net::HTTP::Put.new(url, 'Content-Length' => file.size.to_s)
    request.body_stream = file
    puts http.request(request).code
  end
end
