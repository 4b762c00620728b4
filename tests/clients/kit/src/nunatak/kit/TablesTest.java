package nunatak.kit;

import org.apache.iceberg.rest.RESTCompatibilityKitCatalogTests;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * The kit's table suite with everything switched on that has no flag of its own: nested namespaces,
 * names with slashes, and unique locations. What stays off is the empty namespace, which the REST
 * specification cannot name.
 */
class TablesTest extends RESTCompatibilityKitCatalogTests {
  @AfterEach
  void leaveNothingBehind() throws Exception {
    Leftovers.remove(catalog());
  }

  @Override
  protected boolean supportsNestedNamespaces() {
    return true;
  }

  @Override
  protected boolean supportsNamesWithSlashes() {
    return true;
  }

  /** Disabled in the kit, because not every server promises it; this one does. */
  @Override
  @Test
  public void createTableInUniqueLocation() {
    super.createTableInUniqueLocation();
  }
}
