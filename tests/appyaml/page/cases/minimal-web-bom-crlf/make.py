import sys

sys.stdout.buffer.write(b"\xef\xbb\xbf---\r\nappname: hello\r\ncomponents: {web: {type: web, port: 8080}}\r\n...\r\n")
