//! Sending of requests to AWS, boxed.
//!
//! The code of a future is compiled where it is awaited. The SDK's code for sending a request is large: without the box it
//! would be compiled for every function again, and be in each binary several times.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation as dynamodb;
use aws_sdk_eventbridge::operation as eventbridge;
use aws_sdk_kms::operation as kms;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// A pending answer.
pub(crate) type Answer<T, E> = BoxFuture<'static, Result<T, SdkError<E>>>;

/// A complete request.
pub(crate) trait Request {
    /// The answer.
    type Output;
    /// The error of the service.
    type Error;

    /// Sends it when the answer is first awaited.
    fn send_boxed(self) -> Answer<Self::Output, Self::Error>;
}

macro_rules! requests {
    ($($service:ident::$operation:ident: $builder:ident, $output:ident, $error:ident;)*) => {
        $(
            impl Request for $service::$operation::builders::$builder {
                type Output = $service::$operation::$output;
                type Error = $service::$operation::$error;

                fn send_boxed(self) -> Answer<Self::Output, Self::Error> {
                    self.send().boxed()
                }
            }
        )*
    };
}

requests! {
    dynamodb::batch_get_item: BatchGetItemFluentBuilder, BatchGetItemOutput, BatchGetItemError;
    dynamodb::delete_item: DeleteItemFluentBuilder, DeleteItemOutput, DeleteItemError;
    dynamodb::get_item: GetItemFluentBuilder, GetItemOutput, GetItemError;
    dynamodb::put_item: PutItemFluentBuilder, PutItemOutput, PutItemError;
    dynamodb::query: QueryFluentBuilder, QueryOutput, QueryError;
    dynamodb::scan: ScanFluentBuilder, ScanOutput, ScanError;
    dynamodb::transact_write_items: TransactWriteItemsFluentBuilder, TransactWriteItemsOutput, TransactWriteItemsError;
    dynamodb::update_item: UpdateItemFluentBuilder, UpdateItemOutput, UpdateItemError;
    eventbridge::put_events: PutEventsFluentBuilder, PutEventsOutput, PutEventsError;
    kms::decrypt: DecryptFluentBuilder, DecryptOutput, DecryptError;
    kms::generate_data_key_without_plaintext: GenerateDataKeyWithoutPlaintextFluentBuilder, GenerateDataKeyWithoutPlaintextOutput, GenerateDataKeyWithoutPlaintextError;
}
