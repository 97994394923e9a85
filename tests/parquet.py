"""Tables in Parquet, as data sets on Hugging Face have them."""

from collections.abc import Mapping
from pathlib import Path


def write_parquet(path: Path, columns: Mapping[str, object]) -> Path:
    """Write ``columns`` {name: values} to ``path``; folders are made as needed."""
    import pyarrow
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), path)
    return path
