items = ", ".join(["0"] * 3000)
out = "appname: hello\ninfra:\n  mysql:\n    params:\n"  # lines 1 to 4
out = out[:-1] + " {a0: &l [" + items + "],\n"  # line 4
for i in range(1, 8):  # a1 in line 5 ... a6 in line 10
    out += "      a%d: *l%s\n" % (i, "}" if i == 7 else ",")
out += "components: {web: {type: web}}\n"
import sys

sys.stdout.write(out)
