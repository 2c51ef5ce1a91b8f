"""For each archive named on standard input: a line of its layers (name, diff ID, SHA-256), or why not."""
import hashlib
import json
import sys
import tarfile


def layers(path):
    base = tarfile.open(path)
    manifest = json.load(base.extractfile(base.getmember("manifest.json")))[0]
    image = json.load(base.extractfile(base.getmember(manifest["Config"])))
    for name, diff_id in zip(manifest["Layers"], image["rootfs"]["diff_ids"]):
        member = base.getmember(name)
        content = base.extractfile(member)
        data = content.read(member.size) if content and member.size else b""
        digest = hashlib.sha256(data).hexdigest()
        yield f"{member.name.encode(errors='surrogateescape').hex()}:{diff_id.removeprefix('sha256:')}:{digest}"


for line in sys.stdin:
    try:
        print(" ".join(layers(line.strip())))
    except Exception as error:
        print(type(error).__name__)
