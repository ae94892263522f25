package dev.hydra.data.parquet;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import java.util.zip.GZIPInputStream;
import org.apache.parquet.format.CompressionCodec;
import org.xerial.snappy.Snappy;

/** Unpacks pages. */
final class Packing {
  private Packing() {}

  /**
   * Unpacks a part of some bytes.
   *
   * @param size how many bytes come out of it
   * @throws ParquetException if they are packed in another way
   * @throws IOException if they are not so many
   */
  static byte[] unpack(CompressionCodec codec, byte[] packed, int from, int size)
      throws IOException {
    byte[] out = new byte[size];
    int length = packed.length - from;
    int read =
        switch (codec) {
          case UNCOMPRESSED -> {
            System.arraycopy(packed, from, out, 0, Math.min(length, size));
            yield length;
          }
          case SNAPPY -> {
            int claimed = Snappy.uncompressedLength(packed, from, length);
            yield claimed == size ? Snappy.uncompress(packed, from, length, out, 0) : claimed;
          }
          case GZIP -> gunzip(packed, from, length, out);
          case ZSTD -> (int) Zstd.decompressByteArray(out, 0, size, packed, from, length);
          default ->
              throw new ParquetException(
                  "is packed by "
                      + codec.name().toLowerCase(Locale.ROOT)
                      + ", and only snappy, zstd, gzip and none are read; write it anew, such as by"
                      + " DuckDB: COPY 'OLD' TO 'NEW' (FORMAT parquet, COMPRESSION zstd)");
        };
    if (read != size) {
      throw ParquetException.damaged("a page of it unpacks to another size than it should");
    }
    return out;
  }

  private static int gunzip(byte[] packed, int from, int length, byte[] out) throws IOException {
    try (InputStream in = new GZIPInputStream(new ByteArrayInputStream(packed, from, length))) {
      int read = in.readNBytes(out, 0, out.length);
      return in.read() < 0 ? read : out.length + 1;
    }
  }
}
