"""Rewrites the stored record of a key, for a past that no call can make: rewrite_key.py USER_ID KEY_ID ATTRIBUTES (JSON)."""

import json
import os
import sys

import boto3

user_id, key_id, attributes = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"]).update_item(
    Key={"PK": f"USER#{user_id}", "SK": f"KEY#{key_id:0>16}"},
    ConditionExpression="attribute_exists(PK)",
    UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
    ExpressionAttributeNames={f"#{name}": name for name in attributes},
    ExpressionAttributeValues={f":{name}": value for name, value in attributes.items()},
)
