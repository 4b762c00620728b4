//! A server with the door only, and clients of it.

use std::net::SocketAddr;
use std::sync::Arc;

use nunatak::base::entropy::SeededEntropy;
use nunatak::pgwire::door::Door;
use nunatak::server::listen_pg;
use nunatak::sql::door::Database;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use crate::database::{Log, Scripted};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) log: Arc<Log>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let database = Scripted::default();
        let log = Arc::clone(&database.log);
        Self::over(Arc::new(database), log).await
    }

    /// A server of another database, of which the log says nothing.
    pub(crate) async fn of(database: Arc<dyn Database>) -> Self {
        Self::over(database, Arc::default()).await
    }

    async fn over(database: Arc<dyn Database>, log: Arc<Log>) -> Self {
        let door = Arc::new(Door::new(database, Arc::new(SeededEntropy::new(7))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(listen_pg::serve(listener, door, async move {
            drop(stopped.await);
        }));
        Self { address, log, stop, serving }
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.address.port()).user("ann").dbname("lake");
        config
    }

    pub(crate) async fn client(&self) -> Client {
        connect(&self.config()).await.unwrap()
    }

    /// Says that it is to stop; the future ends with it.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.serving
    }
}

pub(crate) async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        drop(connection.await);
    });
    Ok(client)
}

/// The code of an error that the server told.
#[track_caller]
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, tokio_postgres::Error>) -> String {
    let error = result.unwrap_err();
    match error.code() {
        Some(code) => code.code().to_owned(),
        None => panic!("no error of the server: {error:?}"),
    }
}
