//! One connection from its first byte to its last, and what all connections share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, watch};

use ::pgwire::messages::PgWireBackendMessage;
use ::pgwire::messages::response::ErrorResponse;

use super::cancel::Keys;
use super::conversation::Conversation;
use super::error::{WireError, code};
use super::input::{Input, NoMessage};
use super::output::Output;
use super::startup::{Purpose, Wanted, startup};
use crate::base::entropy::SharedEntropy;
use crate::base::limits::{PG_CONNECTIONS_MAX, PG_STARTUP_SECONDS_MAX};
use crate::sql::door::Database;

/// What all connections share.
pub struct Door {
    database: Arc<dyn Database>,
    keys: Arc<Keys>,
    places: Arc<Semaphore>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Door {
    /// A door to a database; `entropy` makes the keys that cancel requests must show.
    #[must_use]
    pub fn new(database: Arc<dyn Database>, entropy: SharedEntropy) -> Self {
        Self {
            database,
            keys: Arc::new(Keys::new(entropy)),
            places: Arc::new(Semaphore::new(PG_CONNECTIONS_MAX)),
        }
    }

    /// Serves one connection to its end.
    ///
    /// When `stopping` becomes true, the statement that runs is finished and the connection then closed
    /// with 57P01. To drop the future cuts the connection off. Nobody is asked for a password: the
    /// caller sees to it that only programs of this machine can connect.
    pub async fn serve(self: Arc<Self>, stream: TcpStream, mut stopping: watch::Receiver<bool>) {
        let (from, to) = stream.into_split();
        let (mut input, mut output) = (Input::new(from), Output::new(to));
        let purpose = tokio::select! {
            purpose = tokio::time::timeout(
                Duration::from_secs(PG_STARTUP_SECONDS_MAX),
                startup(&mut input, &mut output),
            ) => match purpose {
                Ok(purpose) => purpose,
                Err(_) => return,
            },
            () = stop(&mut stopping) => Err(NoMessage::Broken(stopped())),
        };
        match purpose {
            Ok(Purpose::Cancel { process, secret }) => self.keys.cancel(process, secret),
            Ok(Purpose::Session(wanted)) => self.session(input, output, wanted, stopping).await,
            Err(NoMessage::Gone) => {}
            Err(NoMessage::Broken(error)) => last_words(&mut output, &error).await,
        }
    }

    async fn session(
        &self,
        input: Input<OwnedReadHalf>,
        mut output: Output<OwnedWriteHalf>,
        wanted: Wanted,
        stopping: watch::Receiver<bool>,
    ) {
        let Ok(_place) = self.places.try_acquire() else {
            let error =
                WireError::fatal(code::TOO_MANY_CONNECTIONS, "sorry, too many clients already")
                    .with_hint(format!("There are {PG_CONNECTIONS_MAX} at most."));
            return last_words(&mut output, &error).await;
        };
        let Wanted { user, database, settings } = wanted;
        match self.database.connect(&database, &user, &settings).await {
            Ok(session) => {
                let conversation = Conversation::new(input, output, session, self.keys.open());
                conversation.run(stopping).await;
            }
            Err(error) => last_words(&mut output, &WireError::from(error).into_fatal()).await,
        }
    }
}

/// The error that ends the connections of a server that stops.
pub(super) fn stopped() -> WireError {
    WireError::fatal(code::ADMIN_SHUTDOWN, "terminating connection due to administrator command")
}

/// Waits until the server stops.
pub(super) async fn stop(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stopping| *stopping).await.is_err() {
        // Who could say it is gone; then nobody stops this connection but its client.
        std::future::pending::<()>().await;
    }
}

/// Tells why the connection ends, and ends it.
pub(super) async fn last_words(output: &mut Output<OwnedWriteHalf>, error: &WireError) {
    let message = PgWireBackendMessage::ErrorResponse(ErrorResponse::new(error.fields()));
    if let Err(error) = output.put(&message) {
        tracing::debug!("the reason of an end was not told: {}", error.message);
    }
    output.close().await;
}
