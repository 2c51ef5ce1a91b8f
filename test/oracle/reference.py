"""The oracle: the same image, made by CPython's own tarfile, json, repr and datetime.

    python3 reference.py CONF [--tag TAG] > image.tar

Two passes over every store layer, as a streaming image needs: one for the digest, one for the bytes.
"""
import argparse
import datetime
import hashlib
import io
import json
import os
import pathlib
import sys
import tarfile
import threading


class Digest:
    """A file to write to that keeps only the SHA-256 and the length."""

    def __init__(self):
        self.sha256, self.length = hashlib.sha256(), 0

    def write(self, data):
        self.sha256.update(data)
        self.length += len(data)
        return len(data)


def note(*words):
    print(*words, file=sys.stderr)


def moment(text, now):
    return now if text == "now" else datetime.datetime.fromisoformat(text)


def store_members(path):
    """The paths of one store path's members, in archive order."""
    root = pathlib.Path(path)
    return [root] if root.is_symlink() else sorted([root, *root.rglob("*")])


class Owner:
    def __init__(self, conf, mtime):
        self.fields = dict(
            mtime=mtime, uid=int(conf["uid"]), gid=int(conf["gid"]), uname=conf["uname"], gname=conf["gname"]
        )

    def claim(self, member):
        for field, value in self.fields.items():
            setattr(member, field, value)
        return member


def write_layer(target, paths, owner):
    with tarfile.open(fileobj=target, mode="w|") as archive:
        for name in ("/nix", "/nix/store"):
            member = owner.claim(tarfile.TarInfo(name))
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for path in paths:
            for file in store_members(path):
                member = archive.gettarinfo(file)
                member.name = "/" + member.name
                if member.islnk():
                    member.type, member.linkname = tarfile.REGTYPE, ""
                    member.size = os.lstat(file).st_size
                owner.claim(member)
                if member.isreg():
                    with open(file, "rb") as content:
                        archive.addfile(member, content)
                else:
                    archive.addfile(member)


def entries(config):
    """The `Env` of a `config`; one that is null, or whose `Env` is, has none."""
    found = None if config is None else config.get("Env")
    assert found is None or isinstance(found, list), found
    return found or []


def under(base, config):
    """The `config` with the entries of `base` under its own: one a name, the last one, where the name came first.

    Without any entry, the config as it was written.
    """
    named = {}
    for entry in base + entries(config):
        named[entry.partition("=")[0]] = entry
    return {**(config or {}), "Env": list(named.values())} if named else config


class Image:
    """The outer archive and what its documents say of the layers."""

    def __init__(self, output, conf, mtime):
        self.tar = tarfile.open(fileobj=output, mode="w|")
        self.conf, self.mtime = conf, mtime
        self.layers = []  # (diff ID, member name, history list)

    def file(self, name, size):
        member = tarfile.TarInfo(name)
        member.size, member.mtime = size, self.mtime
        return member

    def add_base(self, path):
        base = tarfile.open(path)
        load = lambda name: json.load(base.extractfile(base.getmember(name)))
        manifest = load("manifest.json")[0]
        image = load(manifest["Config"])
        for name, diff_id in zip(manifest["Layers"], image["rootfs"]["diff_ids"]):
            member = base.getmember(name)
            note("Adding base layer", len(self.layers) + 1, "from", member.name)
            self.tar.addfile(member, base.extractfile(member))
            self.layers.append((diff_id.removeprefix("sha256:"), member.name, [member.name]))
        return entries(image["config"])

    def add_store_layer(self, paths, owner):
        note("Creating layer", len(self.layers) + 1, "from paths:", paths)
        digest = Digest()
        write_layer(digest, paths, owner)
        name = digest.sha256.hexdigest() + "/layer.tar"
        reader, writer = (os.fdopen(fd, mode) for fd, mode in zip(os.pipe(), ("rb", "wb")))

        def produce():
            with writer:
                write_layer(writer, paths, owner)

        producer = threading.Thread(target=produce)
        producer.start()
        self.tar.addfile(self.file(name, digest.length), reader)
        reader.read()
        producer.join()
        reader.close()
        self.layers.append((digest.sha256.hexdigest(), name, paths))

    def add_customisation(self, directory):
        note("Creating layer", len(self.layers) + 1, "with customisation...")
        digest = pathlib.Path(directory, "checksum").read_text().strip()
        archive = os.path.join(directory, "layer.tar")
        member = self.tar.gettarinfo(archive, arcname=digest + "/layer.tar")
        member.mtime = self.mtime
        with open(archive, "rb") as content:
            self.tar.addfile(member, content)
        self.layers.append((digest, member.name, [directory]))

    def add_document(self, name, value):
        """Adds a JSON document; `name` makes its name from its digest."""
        content = json.dumps(value, indent=4).encode()
        name = name(hashlib.sha256(content).hexdigest())
        self.tar.addfile(self.file(name, len(content)), io.BytesIO(content))
        return name

    def finish(self, created, config, tag):
        note("Adding manifests...")
        created = created.isoformat()
        document = {
            "created": created,
            "architecture": self.conf["architecture"],
            "os": "linux",
            "config": config,
            "rootfs": {"diff_ids": ["sha256:" + diff for diff, _, _ in self.layers], "type": "layers"},
            "history": [
                {"created": created, "comment": f"store paths: {paths}"} for _, _, paths in self.layers
            ],
        }
        name = self.add_document(lambda digest: digest + ".json", document)
        manifest = {"Config": name, "RepoTags": [tag], "Layers": [member for _, member, _ in self.layers]}
        self.add_document(lambda _: "manifest.json", [manifest])
        self.tar.close()
        note("Done.")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("conf")
    arguments.add_argument("--repo_tag", "-t")
    options = arguments.parse_args()
    with open(options.conf, encoding="utf-8") as file:
        conf = json.load(file)
    now = datetime.datetime.now(datetime.timezone.utc)
    mtime = int(moment(conf["mtime"], now).timestamp())
    owner = Owner(conf, mtime)
    for paths in conf["store_layers"]:
        assert all(path.startswith(conf["store_dir"]) for path in paths), paths

    image = Image(sys.stdout.buffer, conf, mtime)
    config = conf["config"]
    if conf["from_image"] is None:
        note("No 'fromImage' provided")
    else:
        config = under(image.add_base(conf["from_image"]), config)
    for paths in conf["store_layers"]:
        image.add_store_layer(paths, owner)
    image.add_customisation(conf["customisation_layer"])
    image.finish(moment(conf["created"], now), config, options.repo_tag or conf["repo_tag"])


if __name__ == "__main__":
    main()
