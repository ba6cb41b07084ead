print("appname: hello\ncomponents:")
for i in range(101):
    print("  c%03d: {type: daemon}" % i)
