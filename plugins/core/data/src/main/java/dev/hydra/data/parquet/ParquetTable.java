package dev.hydra.data.parquet;

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.apache.parquet.VersionParser;
import org.apache.parquet.VersionParser.ParsedVersion;
import org.apache.parquet.VersionParser.VersionParseException;
import org.apache.parquet.column.impl.ColumnReaderImpl;
import org.apache.parquet.format.ColumnChunk;
import org.apache.parquet.format.ColumnMetaData;
import org.apache.parquet.format.FileMetaData;
import org.apache.parquet.format.RowGroup;
import org.apache.parquet.format.Util;
import org.apache.parquet.io.api.PrimitiveConverter;
import org.jspecify.annotations.Nullable;

/**
 * A table in a file of the <a href="https://parquet.apache.org/docs/file-format/">Parquet
 * format</a>.
 */
public final class ParquetTable implements Closeable {
  private static final String MAGIC = "PAR1";
  private static final String ENCRYPTED = "PARE";

  /** After the index of a table come its length, int32 little-endian, and the magic. */
  private static final int END = Integer.BYTES + MAGIC.length();

  private static final int BUFFER = 1 << 20;

  /** Takes the rows of a column. */
  public interface Rows {
    /**
     * Takes a row.
     *
     * @param number counted from 1
     * @param text the bytes of its text, which may not be UTF-8; nothing where it has none
     */
    void row(long number, byte @Nullable [] text);
  }

  private final FileChannel file;
  private final FileMetaData index;
  private final long pagesEnd;
  private final List<Column> columns;

  private ParquetTable(FileChannel file, FileMetaData index, long pagesEnd, List<Column> columns) {
    this.file = file;
    this.index = index;
    this.pagesEnd = pagesEnd;
    this.columns = columns;
  }

  /** Says whether a file that begins so is a Parquet table. */
  public static boolean isTable(byte[] start) {
    return start.length >= MAGIC.length()
        && new String(start, 0, MAGIC.length(), StandardCharsets.US_ASCII).equals(MAGIC);
  }

  /**
   * Opens a file and reads the index at its end.
   *
   * @throws ParquetException if it is damaged, or its index is encrypted
   */
  public static ParquetTable open(Path path) throws IOException {
    FileChannel file = FileChannel.open(path);
    try {
      long end = file.size() - END;
      byte[] last = end < MAGIC.length() ? new byte[END] : bytes(file, end, END);
      String magic = new String(last, Integer.BYTES, MAGIC.length(), StandardCharsets.US_ASCII);
      if (magic.equals(ENCRYPTED)) {
        throw new ParquetException("is an encrypted Parquet table; decrypt it first");
      }
      long length = ByteBuffer.wrap(last).order(ByteOrder.LITTLE_ENDIAN).getInt();
      if (!magic.equals(MAGIC) || length <= 0 || length > end - MAGIC.length()) {
        throw ParquetException.damaged("it does not end with an index, as if it were cut off");
      }
      FileMetaData index = index(bytes(file, end - length, (int) length));
      return new ParquetTable(file, index, end - length, Column.of(index.getSchema()));
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
  }

  /** Returns all columns; each field of a struct is one. */
  public List<Column> columns() {
    return columns;
  }

  /** Returns how many rows there are. */
  public long rows() {
    return index.getNum_rows();
  }

  /**
   * Reads a column of text from its first row to its last.
   *
   * @throws ParquetException if it cannot be read to its end
   */
  public void read(Column column, Rows rows) throws IOException {
    long number = 1;
    for (RowGroup group : index.getRow_groups()) {
      ColumnMetaData chunk = chunk(group, column);
      ColumnReaderImpl reader = reader(column, chunk);
      for (long i = 0; i < chunk.getNum_values(); i++) {
        byte @Nullable [] text = next(reader, column);
        rows.row(number++, text);
      }
    }
  }

  private static ColumnMetaData chunk(RowGroup group, Column column) throws ParquetException {
    Optional<ColumnChunk> chunk =
        group.getColumns().stream()
            .filter(each -> each.isSetMeta_data())
            .filter(each -> each.getMeta_data().getPath_in_schema().equals(column.path()))
            .findFirst();
    if (chunk.isEmpty()) {
      throw ParquetException.damaged(
          "a group of its rows has no column " + column.name() + " that is not encrypted");
    }
    if (chunk.get().isSetFile_path()) {
      throw new ParquetException(
          "has its columns in another file, " + chunk.get().getFile_path() + "; name that one");
    }
    return chunk.get().getMeta_data();
  }

  private ColumnReaderImpl reader(Column column, ColumnMetaData chunk) throws IOException {
    long start = chunk.getData_page_offset();
    if (chunk.isSetDictionary_page_offset() && chunk.getDictionary_page_offset() > 0) {
      start = Math.min(start, chunk.getDictionary_page_offset());
    }
    if (start < MAGIC.length() || start >= pagesEnd) {
      throw ParquetException.damaged("its pages are not where its index says");
    }
    InputStream in = new Until(Channels.newInputStream(file.position(start)), pagesEnd - start);
    Pages pages = new Pages(new BufferedInputStream(in, BUFFER), chunk);
    try {
      return new ColumnReaderImpl(column.descriptor(), pages, new Unused(), version());
    } catch (RuntimeException e) { // what it throws on bytes that are no page is not told
      throw ParquetException.damaged(e);
    }
  }

  private static byte @Nullable [] next(ColumnReaderImpl reader, Column column)
      throws ParquetException {
    try {
      byte[] text =
          reader.getCurrentDefinitionLevel() == column.definition()
              ? reader.getBinary().getBytes()
              : null;
      reader.consume();
      return text;
    } catch (RuntimeException e) {
      throw ParquetException.damaged(e);
    }
  }

  /** Returns what wrote the file, as some wrote an encoding that has to be read otherwise. */
  private @Nullable ParsedVersion version() {
    try {
      return index.isSetCreated_by() ? VersionParser.parse(index.getCreated_by()) : null;
    } catch (VersionParseException e) {
      return null; // none of those
    }
  }

  private static FileMetaData index(byte[] content) throws ParquetException {
    try {
      return Util.readFileMetaData(new ByteArrayInputStream(content));
    } catch (IOException | RuntimeException e) {
      throw ParquetException.damaged(e);
    }
  }

  private static byte[] bytes(FileChannel file, long from, int count) throws IOException {
    byte[] bytes =
        Channels.newInputStream(file.position(from)).readNBytes(count); // closes with the file
    if (bytes.length < count) {
      throw ParquetException.damaged("it became shorter while it was read");
    }
    return bytes;
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  /** Values are asked for one by one instead. */
  private static final class Unused extends PrimitiveConverter {}
}
