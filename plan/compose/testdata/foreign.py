"""Reads pairs of compose files with PyYAML and says whether each differs by
the upgrade of corpus_test.go and by nothing else.

One JSON object a line on stdin: name, before, after, service, image, vars,
secret, services and top (bodies as text). One line a disagreement on stdout,
then "agreed N, unreadable M".
"""

import copy
import json
import sys

import yaml


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    pass


def own_tag(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {"tag": suffix, "value": value}


Loader.add_multi_constructor("!", own_tag)


def load(text):
    return yaml.load(text, Loader)


def names(items):
    return [i.get("source") if isinstance(i, dict) else i for i in items or []]


def upgrade(doc, job):
    service = doc["services"][job["service"]] or {}
    doc["services"][job["service"]] = service
    if not (isinstance(service.get("build"), dict) and service["build"].get("tag") == "reset"):
        service.pop("build", None)
    service["image"] = job["image"]
    env = service.get("environment")
    for key, value in job["vars"]:
        if isinstance(env, list):
            if not any(str(item).split("=")[0] == key for item in env):
                env.append(key + "=" + value)
        else:
            env = service["environment"] = env or {}
            env.setdefault(key, value)
    if job["secret"] not in names(service.get("secrets")):
        service["secrets"] = (service.get("secrets") or []) + [job["secret"]]
    for name, body in job["services"].items():
        doc["services"].setdefault(name, load(body))
    for section, name, body in job["top"]:
        entries = doc.get(section) or {}
        entries.setdefault(name, load(body) if body else None)
        doc[section] = entries
    return doc


agreed = unreadable = 0
for line in sys.stdin:
    job = json.loads(line)
    try:
        # A dump and a load take apart what aliases share.
        before = copy.deepcopy(json.loads(json.dumps(load(job["before"]), default=str)))
    except (yaml.YAMLError, ValueError, TypeError):
        unreadable += 1
        continue
    after = json.loads(json.dumps(load(job["after"]), default=str))
    want = json.loads(json.dumps(upgrade(before, job), default=str))
    if want == after:
        agreed += 1
    else:
        print("disagrees:", job["name"])
print("agreed %d, unreadable %d" % (agreed, unreadable))
