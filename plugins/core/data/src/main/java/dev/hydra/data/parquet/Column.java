package dev.hydra.data.parquet;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.parquet.column.ColumnDescriptor;
import org.apache.parquet.format.ConvertedType;
import org.apache.parquet.format.FieldRepetitionType;
import org.apache.parquet.format.SchemaElement;
import org.apache.parquet.format.Type;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.Type.Repetition;

/**
 * A column of a Parquet table.
 *
 * @param path its name, after those of the structs that it stands in
 * @param kind what its values are, in words
 * @param isText whether every row has one text, or none
 * @param definition the definition level of a value that is there
 */
public record Column(List<String> path, String kind, boolean isText, int definition) {
  /** Copies the path. */
  public Column {
    path = List.copyOf(path);
  }

  /** Returns the names of the path with dots between them. */
  public String name() {
    return String.join(".", path);
  }

  ColumnDescriptor descriptor() {
    PrimitiveType type =
        new PrimitiveType(
            Repetition.OPTIONAL, PrimitiveType.PrimitiveTypeName.BINARY, path.get(path.size() - 1));
    return new ColumnDescriptor(path.toArray(String[]::new), type, 0, definition);
  }

  /**
   * Finds the columns of a schema, which is written as its tree in depth-first order.
   *
   * @throws ParquetException if it is not a tree
   */
  static List<Column> of(List<SchemaElement> schema) throws ParquetException {
    Walk walk = new Walk(schema);
    walk.children(List.of(), 0, false, walk.next().getNum_children());
    return walk.found;
  }

  private static final class Walk {
    private final List<SchemaElement> schema;
    private final List<Column> found = new ArrayList<>();
    private int at;

    Walk(List<SchemaElement> schema) {
      this.schema = schema;
    }

    SchemaElement next() throws ParquetException {
      if (at >= schema.size()) {
        throw ParquetException.damaged("its schema ends too early");
      }
      return schema.get(at++);
    }

    void children(List<String> above, int definition, boolean repeated, int count)
        throws ParquetException {
      for (int i = 0; i < count; i++) {
        SchemaElement element = next();
        List<String> path = new ArrayList<>(above);
        path.add(element.getName());
        FieldRepetitionType repetition = element.getRepetition_type();
        boolean inList = repeated || repetition == FieldRepetitionType.REPEATED;
        int level = definition + (repetition == FieldRepetitionType.REQUIRED ? 0 : 1);
        if (element.getNum_children() > 0) {
          children(path, level, inList, element.getNum_children());
        } else {
          found.add(
              new Column(
                  path, inList ? "in a list" : kind(element), !inList && isText(element), level));
        }
      }
    }

    private static boolean isText(SchemaElement element) {
      return element.getType() == Type.BYTE_ARRAY
          && (element.getConverted_type() == ConvertedType.UTF8
              || element.getConverted_type() == ConvertedType.JSON
              || element.getConverted_type() == ConvertedType.ENUM
              || (element.isSetLogicalType() && element.getLogicalType().isSetSTRING()));
    }

    private static String kind(SchemaElement element) {
      if (isText(element)) {
        return "text";
      }
      return element.isSetConverted_type()
          ? element.getConverted_type().name().toLowerCase(Locale.ROOT)
          : String.valueOf(element.getType()).toLowerCase(Locale.ROOT);
    }
  }
}
