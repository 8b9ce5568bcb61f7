"""ONNX graphs that tell nothing of where they were made."""

import onnx


def bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without doc strings and metadata: torch writes paths of this machine and stack traces there."""
    model.producer_name, model.producer_version = "cmrbridge", ""
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output):
        value.doc_string = ""
        del value.metadata_props[:]
    return model
