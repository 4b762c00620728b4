package nunatak.kit;

import org.apache.iceberg.rest.RESTCompatibilityKitViewCatalogTests;

/** The kit's view suite; all that it can switch on has a flag. */
class ViewsTest extends RESTCompatibilityKitViewCatalogTests {}
