"""Write the schemas of what is printed as JSON from its types: ``python scripts/schema.py``."""

from __future__ import annotations

import json
from pathlib import Path

from oci_chart_publish.report import document, results

if __name__ == "__main__":
    folder = Path(__file__).parents[1] / "schema"
    for name, schema in (("report", document.json_schema()), ("results", results.json_schema())):
        (folder / f"{name}-v1.json").write_text(json.dumps(schema, indent=2) + "\n")
