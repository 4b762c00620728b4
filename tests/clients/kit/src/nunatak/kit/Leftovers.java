package nunatak.kit;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.rest.RESTCatalog;

/**
 * Removes what a test leaves behind. The kit's own purge knows five namespaces of one level, but its
 * tests of nested namespaces leave others.
 */
final class Leftovers {
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private Leftovers() {}

  /** Removes every namespace with all that is in it. */
  static void remove(RESTCatalog catalog) throws Exception {
    String branches = System.getProperty("nunatak.branches");
    for (Namespace namespace : catalog.listNamespaces()) {
      if (branches == null) {
        remove(catalog, namespace);
      } else if (!namespace.level(0).equals("main")) {
        // In the warehouse view this is a branch with work that is not merged: only force drops it.
        URI uri = URI.create(branches + "/" + namespace.level(0) + "?force=true");
        HTTP.send(HttpRequest.newBuilder(uri).DELETE().build(), BodyHandlers.discarding());
      }
    }
  }

  private static void remove(RESTCatalog catalog, Namespace namespace) {
    catalog.listTables(namespace).forEach(table -> catalog.dropTable(table, false));
    catalog.listViews(namespace).forEach(catalog::dropView);
    catalog.listNamespaces(namespace).forEach(child -> remove(catalog, child));
    catalog.dropNamespace(namespace);
  }
}
