"""The popularity contest by its definition: trees of references are spelled out and merged from their leaves upwards."""
import json
import sys

sys.setrecursionlimit(10000)


def contest(graph, nodes):
    """Points of all that hangs below a node that refers to `nodes`."""
    points = {}
    for node in nodes:
        points[node] = points.get(node, 0) + 1
        for below, count in merged(graph, node).items():
            points[below] = points.get(below, 0) + count + 1
    return points


cache = {}


def merged(graph, node):
    key = (id(graph), node)
    if key not in cache:
        cache[key] = contest(graph, {it for it in graph[node] if it != node})
    return cache[key]


def order(graph):
    referred = {it for node, references in graph.items() for it in references if it != node}
    points = contest(graph, [node for node in graph if node not in referred])
    return sorted(points, key=lambda node: (-points[node], node.partition("-")[2] + "-" + node.partition("-")[0]))


graphs = json.load(sys.stdin)
print(json.dumps([order(graph) for graph in graphs]))
