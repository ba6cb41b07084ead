print("appname: hello\ncomponents:\n  web:\n    type: web\n    env:")
for i in range(1, 502):
    print("      V%03d: x" % i)
