//! A stand-in for the two KMS operations that the service calls. It wraps data keys such that only the same encryption
//! context unwraps them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shared::clock::Random;

/// Status and body of the response.
#[must_use]
pub fn answer(operation: &str, request: &Value) -> (u16, Value) {
    let context = request["EncryptionContext"].to_string();
    match operation {
        "GenerateDataKeyWithoutPlaintext" => {
            let key: [u8; 32] = Random::system().bytes();
            let wrapped = [key.map(|byte| !byte).as_slice(), context.as_bytes()].concat();
            (200, json!({"CiphertextBlob": STANDARD.encode(wrapped), "KeyId": request["KeyId"]}))
        }
        "Decrypt" => {
            let wrapped = request["CiphertextBlob"].as_str().and_then(|blob| STANDARD.decode(blob).ok());
            let wrapped = wrapped.expect("a ciphertext in base64");
            let (key, bound_to) = wrapped.split_at(32);
            if bound_to != context.as_bytes() {
                return (400, json!({"__type": "InvalidCiphertextException"}));
            }
            let key: Vec<u8> = key.iter().map(|byte| !byte).collect();
            (200, json!({"Plaintext": STANDARD.encode(key), "KeyId": request["KeyId"]}))
        }
        _ => panic!("the service does not call KMS's {operation}"),
    }
}
