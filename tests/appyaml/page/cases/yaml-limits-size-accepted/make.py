head = b"appname: hello\ncomponents: {web: {type: web, port: 8080}}\n"
line = b"# " + b"x" * 61 + b"\n"
import sys

out = head + line * ((262144 - len(head)) // 64)
out += b"#" * (262144 - len(out))
assert len(out) == 262144
sys.stdout.buffer.write(out)
