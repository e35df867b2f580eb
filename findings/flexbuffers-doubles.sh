#!/usr/bin/env bash
# FlatBuffers 25.12.19 for Python: flexbuffers.Dumps takes doubles of any size but from 2^128 on,
# which are 44 of 100 of all that there are.
#
# FlexBuffers stores a number in the fewest bytes that keep it. To learn whether a double can be
# a float it is packed as one, read back and compared. That works for what a float rounds (0.1
# is stored as eight bytes) and for the infinities, but packing a finite number that is too large
# raises an error in Python, where C's conversion gives infinity, and the error goes up to the
# caller. In a dict it even ends as a complaint about the number of keys and values. A test with
# 0.1, infinity and the smallest double sees nothing: limits of the narrower type have to be
# tried as well. Told the width, the builder writes the same number.
#
# Seen:
#   0.1: 0.1
#   5e-324: 5e-324
#   inf: inf
#   1e+38: 1e+38
#   1e+39: OverflowError: float too large to pack with f format
#   [1e+39]: OverflowError: float too large to pack with f format
#   {'a': 1e+39}: RuntimeError: must be even number of keys and values
#   Float(1e+39, 8): 1e+39
#   20000 doubles from random bits: 44% refused
#
# Works in a temporary folder; needs Python 3 and the network. Exit status 1 when it behaves
# otherwise, 2 when it could not be tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >doubles.py <<'END'
import random
import struct

from flatbuffers import flexbuffers


def read_back(value):
    try:
        return flexbuffers.Loads(flexbuffers.Dumps(value))
    except (OverflowError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"


for value in (0.1, 5e-324, float("inf"), 1e38, 1e39, [1e39], {"a": 1e39}):
    print(f"{value}: {read_back(value)}")
builder = flexbuffers.Builder()
builder.Float(1e39, 8)
print(f"Float(1e+39, 8): {flexbuffers.Loads(builder.Finish())}")

random.seed(1)
values = [struct.unpack("<d", random.randbytes(8))[0] for _ in range(20000)]
refused = sum(isinstance(read_back(value), str) for value in values)
print(f"20000 doubles from random bits: {100 * refused / len(values):.0f}% refused")
END
{
	python3 -m venv python
	python/bin/pip --quiet install flatbuffers==25.12.19
} >log 2>&1 || { cat log; exit 2; }
python/bin/python doubles.py | tee seen
diff - seen <<'END'
0.1: 0.1
5e-324: 5e-324
inf: inf
1e+38: 1e+38
1e+39: OverflowError: float too large to pack with f format
[1e+39]: OverflowError: float too large to pack with f format
{'a': 1e+39}: RuntimeError: must be even number of keys and values
Float(1e+39, 8): 1e+39
20000 doubles from random bits: 44% refused
END
