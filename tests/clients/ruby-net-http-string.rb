# Client: Ruby Net::HTTP, put
# Package: ruby
# Needs: ruby
# Server: http
# TLS: yes
# Idle: stop
# Ends: 1 ETIMEDOUT|OpenTimeout
# Tries 2 3 4 6 11: 2
# Note: Net::HTTP tries a PUT twice (max_retries is 1)
require 'net/http'

url = URI(ENV['URL'])
Net::HTTP.start(url.hostname, url.port, use_ssl: url.scheme == 'https', ca_file: ENV['CA']) do |http|
  puts http.put('/', File.binread(ENV['PAYLOAD'])).code
end
