"""Makes a tar archive of whatever members a test asks for.

Reads from standard input {"path", "format", "compression", "globals", "members": [{"name", "data" or
"linkname", "type", "pax", "fields"}]}.
"""
import io
import json
import sys
import tarfile

spec = json.load(sys.stdin)
mode = "w" if spec["compression"] == "none" else "w:" + spec["compression"]
options = {"pax_headers": spec["globals"]} if spec["globals"] else {}
with tarfile.open(spec["path"], mode, format=getattr(tarfile, spec["format"] + "_FORMAT"), **options) as archive:
    for member in spec["members"]:
        info = tarfile.TarInfo(member["name"])
        data = member.get("data", "").encode("latin1")
        info.size = len(data)
        info.linkname = member.get("linkname", "")
        info.type = member.get("type", "0").encode()
        info.pax_headers = member.get("pax", {})
        for field, value in member.get("fields", {}).items():
            setattr(info, field, value)
        archive.addfile(info, io.BytesIO(data) if data else None)
