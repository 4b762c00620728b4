import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.util.ArrayList;
import java.util.List;

/**
 * Prints what JDBC tells of a database: a line for each row, columns by tabs.
 *
 * <p>Arguments: URL, user, schema, table.
 */
public final class Metadata {
    private Metadata() {}

    private interface Answer {
        ResultSet rows() throws Exception;
    }

    /** Prints the columns of these names, or all of them where none is named. */
    private static void print(String title, Answer answer, String... columns) throws Exception {
        System.out.println("== " + title);
        try (ResultSet rows = answer.rows()) {
            List<String> names = new ArrayList<>(List.of(columns));
            for (int at = 1; columns.length == 0 && at <= rows.getMetaData().getColumnCount(); at++) {
                names.add(rows.getMetaData().getColumnLabel(at));
            }
            while (rows.next()) {
                List<String> cells = new ArrayList<>();
                for (String name : names) {
                    cells.add(String.valueOf(rows.getString(name)));
                }
                System.out.println(String.join("\t", cells));
            }
        } catch (Exception error) {
            System.out.println("!! " + error);
        }
    }

    public static void main(String[] arguments) throws Exception {
        String schema = arguments[2];
        String table = arguments[3];
        try (Connection connection = DriverManager.getConnection(arguments[0], arguments[1], "")) {
            DatabaseMetaData about = connection.getMetaData();
            System.out.println("== product");
            System.out.println(about.getDatabaseProductName());
            print("catalogs", about::getCatalogs);
            print("schemas", () -> about.getSchemas(), "TABLE_SCHEM");
            print("schemas of a pattern", () -> about.getSchemas(null, schema), "TABLE_SCHEM");
            print("table types", about::getTableTypes);
            print(
                    "tables",
                    () -> about.getTables(null, schema, "%", new String[] {"TABLE", "VIEW"}),
                    "TABLE_SCHEM", "TABLE_NAME", "TABLE_TYPE", "REMARKS");
            print(
                    "tables of every type",
                    () -> about.getTables(null, schema, null, null),
                    "TABLE_SCHEM", "TABLE_NAME", "TABLE_TYPE");
            print(
                    "columns",
                    () -> about.getColumns(null, schema, table, "%"),
                    "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE", "TYPE_NAME", "COLUMN_SIZE", "DECIMAL_DIGITS",
                    "NULLABLE", "REMARKS", "ORDINAL_POSITION");
            print("primary keys", () -> about.getPrimaryKeys(null, schema, table));
            print("indexes", () -> about.getIndexInfo(null, schema, table, false, false));
            print("imported keys", () -> about.getImportedKeys(null, schema, table));
            print("exported keys", () -> about.getExportedKeys(null, schema, table));
            print("best row identifier", () -> about.getBestRowIdentifier(null, schema, table, 0, true));
            print("column privileges", () -> about.getColumnPrivileges(null, schema, table, "%"));
            print("table privileges", () -> about.getTablePrivileges(null, schema, table));
            print("types", about::getTypeInfo, "TYPE_NAME", "DATA_TYPE");
            print("functions", () -> about.getFunctions(null, schema, "%"));
            print("procedures", () -> about.getProcedures(null, schema, "%"));
            print("sequences", () -> about.getTables(null, schema, "%", new String[] {"SEQUENCE"}));
            print("udts", () -> about.getUDTs(null, schema, "%", null));
            print("client properties", () -> about.getClientInfoProperties(), "NAME");
        }
    }
}
