head = b"appname: hello\nfrobnicate: 1\ncomponents: {web: {type: web, port: 8080}}\n"
line = b"# " + b"x" * 61 + b"\n"
import sys

out = head + line * ((262145 - len(head)) // 64)
out += b"#" * (262145 - len(out))
assert len(out) == 262145
sys.stdout.buffer.write(out)
