package dev.hydra.data.parquet;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.zip.CRC32;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.column.Encoding;
import org.apache.parquet.column.page.DataPage;
import org.apache.parquet.column.page.DataPageV1;
import org.apache.parquet.column.page.DataPageV2;
import org.apache.parquet.column.page.DictionaryPage;
import org.apache.parquet.column.page.PageReader;
import org.apache.parquet.format.ColumnMetaData;
import org.apache.parquet.format.CompressionCodec;
import org.apache.parquet.format.DataPageHeader;
import org.apache.parquet.format.DataPageHeaderV2;
import org.apache.parquet.format.PageHeader;
import org.apache.parquet.format.PageType;
import org.apache.parquet.format.Util;
import org.jspecify.annotations.Nullable;

/** The pages of one column in one row group, of which one is in memory at a time. */
final class Pages implements PageReader {
  /** Writers make pages of about 1 MiB; a header that claims more than this is damaged. */
  private static final int LARGEST = 256 << 20;

  private final InputStream in;
  private final CompressionCodec codec;
  private final long values;
  private @Nullable PageHeader next;

  /**
   * Creates a reader.
   *
   * @param in stands at the first page and ends where the pages of the file end
   */
  Pages(InputStream in, ColumnMetaData column) {
    this.in = in;
    this.codec = column.getCodec();
    this.values = column.getNum_values();
  }

  @Override
  public long getTotalValueCount() {
    return values;
  }

  @Override
  public @Nullable DictionaryPage readDictionaryPage() {
    try {
      PageHeader header = header();
      if (header.getType() != PageType.DICTIONARY_PAGE) {
        next = header;
        return null;
      }
      byte[] content = content(header);
      return new DictionaryPage(
          BytesInput.from(unpack(header, content)),
          header.getDictionary_page_header().getNum_values(),
          encoding(header.getDictionary_page_header().getEncoding()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public DataPage readPage() {
    try {
      PageHeader header = header();
      while (!header.isSetData_page_header() && !header.isSetData_page_header_v2()) {
        byte[] unused = content(header); // an index: nothing that is read writes one
        header = header();
      }
      byte[] content = content(header);
      return header.isSetData_page_header()
          ? first(header, header.getData_page_header(), content)
          : second(header, header.getData_page_header_v2(), content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private DataPage first(PageHeader header, DataPageHeader page, byte[] content)
      throws IOException {
    return new DataPageV1(
        BytesInput.from(unpack(header, content)),
        page.getNum_values(),
        header.getUncompressed_page_size(),
        null,
        encoding(page.getRepetition_level_encoding()),
        encoding(page.getDefinition_level_encoding()),
        encoding(page.getEncoding()));
  }

  /** Levels come first in a page of the second version, and are never packed. */
  private DataPage second(PageHeader header, DataPageHeaderV2 page, byte[] content)
      throws IOException {
    int repetition = page.getRepetition_levels_byte_length();
    int definition = page.getDefinition_levels_byte_length();
    int levels = Math.addExact(repetition, definition);
    if (repetition < 0
        || definition < 0
        || levels > Math.min(content.length, header.getUncompressed_page_size())) {
      throw ParquetException.damaged("the levels of a page are longer than the page");
    }
    boolean packed = !page.isSetIs_compressed() || page.isIs_compressed();
    int size = header.getUncompressed_page_size() - levels;
    // A page of nulls has no values, and some writers pack even those.
    byte[] data =
        Packing.unpack(
            packed && content.length > levels ? codec : CompressionCodec.UNCOMPRESSED,
            content,
            levels,
            size);
    return DataPageV2.uncompressed(
        page.getNum_rows(),
        page.getNum_nulls(),
        page.getNum_values(),
        BytesInput.from(content, 0, repetition),
        BytesInput.from(content, repetition, definition),
        encoding(page.getEncoding()),
        BytesInput.from(data),
        null);
  }

  private PageHeader header() throws IOException {
    PageHeader header = next;
    if (header != null) {
      next = null;
      return header;
    }
    return Util.readPageHeader(in);
  }

  private byte[] content(PageHeader header) throws IOException {
    int size = header.getCompressed_page_size();
    int unpacked = header.getUncompressed_page_size();
    if (size < 0 || unpacked < 0 || Math.max(size, unpacked) > LARGEST) {
      throw ParquetException.damaged(
          "a page of " + Math.max(size, unpacked) + " bytes is larger than any should be");
    }
    byte[] content = in.readNBytes(size);
    if (content.length < size) {
      throw ParquetException.damaged("a page goes on where the pages end");
    }
    if (header.isSetCrc()) {
      CRC32 crc = new CRC32();
      crc.update(content);
      if ((int) crc.getValue() != header.getCrc()) {
        throw ParquetException.damaged("the checksum of a page is wrong");
      }
    }
    return content;
  }

  private byte[] unpack(PageHeader header, byte[] content) throws IOException {
    return Packing.unpack(codec, content, 0, header.getUncompressed_page_size());
  }

  private static Encoding encoding(org.apache.parquet.format.Encoding written) {
    return Encoding.valueOf(written.name());
  }
}
