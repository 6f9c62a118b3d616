"""Writes what the ONNX standard says of its ops into the table that export reads.

    python scripts/onnx_schemas.py > crates/glassbox-onnx/src/export/schemas.txt

Needs the `onnx` package. One line for each version of an op that a model of opset 7 or later can have, with tabs between:
the name (with its domain where that isn't the default), the version, the inputs, the outputs, the attributes, and the sets of
dtypes. An input or output is the letters of its set of dtypes, and `?` where it may be left out, `*` where any number may
stand, `*0` where that may be none. A set is a mask of the numbers that ONNX gives dtypes, in hexadecimal, with `s` where
sequences and `o` where optionals are allowed. A version that only says that the op is gone has `-` in place of the inputs.
"""

import re
import sys

from onnx import TensorProto, defs

OLDEST = 7
NUMBERS = {
    "float": TensorProto.FLOAT,
    "double": TensorProto.DOUBLE,
    **{name.lower(): number for name, number in TensorProto.DataType.items()},
}


def dtypes(kinds):
    """The mask of a set of types, as text."""
    mask, marks = 0, set()
    for kind in kinds:
        tensor = re.fullmatch(r"tensor\((\w+)\)", kind)
        if tensor:
            mask |= 1 << NUMBERS[tensor[1]]
        elif kind.startswith("seq("):
            marks.add("s")
        elif kind.startswith("optional("):
            marks.add("o")
    return f"{mask:x}" + "".join(sorted(marks, reverse=True))


def parameters(listed, sets):
    texts = []
    for parameter in listed:
        name = parameter.type_str
        if name not in sets:
            sets[name] = dtypes([name])
        option = parameter.option.name
        mark = {"Single": "", "Optional": "?", "Variadic": "*"}[option]
        if option == "Variadic" and parameter.min_arity == 0:
            mark = "*0"
        texts.append(letters(name) + mark)
    return ",".join(texts)


def letters(name):
    return re.sub(r"\W", "_", name)


def main():
    by_name = {}
    for schema in defs.get_all_schemas_with_history():
        by_name.setdefault((schema.domain, schema.name), []).append(schema)
    for (domain, name), versions in sorted(by_name.items()):
        versions.sort(key=lambda schema: schema.since_version)
        if domain == "":
            first = max((v.since_version for v in versions if v.since_version <= OLDEST), default=0)
            versions = [v for v in versions if v.since_version >= first]
        for schema in versions:
            full = f"{domain}.{name}" if domain else name
            if schema.deprecated:
                print(full, schema.since_version, "-", "", "", "", sep="\t")
                continue
            sets = {rule.type_param_str: dtypes(rule.allowed_type_strs) for rule in schema.type_constraints}
            inputs, outputs = parameters(schema.inputs, sets), parameters(schema.outputs, sets)
            named = " ".join(f"{letters(key)}={mask}" for key, mask in sorted(sets.items()))
            print(full, schema.since_version, inputs, outputs, ",".join(sorted(schema.attributes)), named, sep="\t")


if __name__ == "__main__":
    sys.exit(main())
