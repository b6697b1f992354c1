"""Says what is wrong with FHIR resources.

Reads one resource a line, as JSON; answers each with one line, a JSON array of complaints, empty for a valid resource.
The validator is fhir.resources, in its R4B models: it has no R4 ones any more, and for the resources this API sends
the two releases are alike.
"""

import json
import sys

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError


def complaints(resource):
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]
    return []


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")
    for line in sys.stdin:
        print(json.dumps(complaints(json.loads(line))), flush=True)
