"""Common subexpressions."""

from ariel_build.ops.map1 import Map1
from ariel_build.ops.map2 import Map2
from ariel_build.passes.eliminate_common_subexpressions import eliminate_common_subexpressions
from tests.passes.graphs import Net, names, refusals, run


def test_one_node_serves_all_readers_even_of_equal_constants() -> None:
    net = Net()
    x = net.input(4)
    c = net.weights(4)
    same = net.constant(c.data if c.data is not None else [])
    a = net.add(Map1("Tanh"), net.add(Map2("Add"), x, c))
    b = net.add(Map1("Tanh"), net.add(Map2("Add"), x, same))
    graph = net.graph(net.add(Map2("Mul"), a, b))
    run(graph, eliminate_common_subexpressions)
    assert names(graph) == ["Add", "Tanh", "Mul"]
    assert graph.nodes[-1].inputs[0] is graph.nodes[-1].inputs[1]


def test_different_attributes_or_constants_stay_apart() -> None:
    net = Net()
    x = net.input(4)
    a, b = net.add(Map2("Add"), x, net.weights(4)), net.add(Map2("Add"), x, net.weights(4))
    c = net.add(Map2("Add", clip=(0.0, 6.0)), a, b)
    d = net.add(Map2("Add"), a, b)
    graph = net.graph(c, d)
    run(graph, eliminate_common_subexpressions)
    assert len(graph.nodes) == 4


def test_an_output_keeps_its_name() -> None:
    net = Net()
    x = net.input(4)
    a, b = net.add(Map1("Tanh"), x), net.add(Map1("Tanh"), x)
    graph = net.graph(b, net.add(Map1("Exp"), a))
    run(graph, eliminate_common_subexpressions)
    assert names(graph) == ["Tanh", "Exp"]
    assert graph.outputs[0].name == "value_1"


def test_refuses_two_outputs() -> None:
    net = Net()
    x = net.input(4)
    graph = net.graph(net.add(Map1("Tanh"), x), net.add(Map1("Tanh"), x))
    log = run(graph, eliminate_common_subexpressions)
    assert refusals(log) == ["both results are outputs of the model, which have places of their own"]
