package nunatak.kit;

import org.apache.iceberg.rest.RESTCompatibilityKitViewCatalogTests;
import org.junit.jupiter.api.AfterEach;

/** The kit's view suite; all that it can switch on has a flag. */
class ViewsTest extends RESTCompatibilityKitViewCatalogTests {
  @AfterEach
  void leaveNothingBehind() throws Exception {
    Leftovers.remove(catalog());
  }
}
