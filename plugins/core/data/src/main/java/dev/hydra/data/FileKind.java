package dev.hydra.data;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * Tells from the first bytes of a file what it is, if it is not text.
 *
 * @param begin the bytes it begins with, a character each
 * @param what what it is, in words
 * @param remedy what to do
 */
record FileKind(String begin, String what, String remedy) {
  private static final String UNPACK = "unpack it, and name the files that were in it";
  private static final String OTHER = "name text files";
  private static final String TABLE =
      "write the column of its text into a file, such as by DuckDB or Python";
  private static final String CONVERT = "convert it: iconv -f UTF-16 -t UTF-8";

  /** How many bytes are looked at; text has no zero in it. */
  static final int LOOK = 8192;

  private static final int LONGEST = 16;

  private static final List<FileKind> KINDS =
      List.of(
          new FileKind("PK\003\004", "a zip archive", UNPACK),
          new FileKind("PAR1", "a Parquet table", "use source = parquet, field = NAME"),
          new FileKind("ARROW1", "an Arrow table", TABLE),
          new FileKind("SQLite format 3", "an SQLite database", TABLE),
          new FileKind("\u0089PNG", "a PNG image", OTHER),
          new FileKind("GIF8", "a GIF image", OTHER),
          new FileKind("\u00ff\u00d8\u00ff", "a JPEG image", OTHER),
          new FileKind("%PDF-", "a PDF document", "extract its text: pdftotext"),
          new FileKind("\u00fd7zXZ", "compressed by xz", "unpack it: xz -d"),
          new FileKind("BZh", "compressed by bzip2", "unpack it: bzip2 -d"),
          new FileKind("7z\u00bc\u00af", "a 7z archive", UNPACK),
          new FileKind("\u00ff\u00fe", "text in UTF-16", CONVERT),
          new FileKind("\u00fe\u00ff", "text in UTF-16", CONVERT));

  /** Says what these bytes are and what to do; empty if they may be text. */
  static Optional<String> notText(byte[] content) {
    String begin =
        new String(content, 0, Math.min(LONGEST, content.length), StandardCharsets.ISO_8859_1);
    for (FileKind kind : KINDS) {
      if (begin.startsWith(kind.begin())) {
        return Optional.of("is " + kind.what() + ", not plain text; " + kind.remedy());
      }
    }
    for (int i = 0; i < Math.min(LOOK, content.length); i++) {
      if (content[i] == 0) {
        return Optional.of(
            "is not text: it has a zero byte at "
                + i
                + " and begins with "
                + HexFormat.ofDelimiter(" ").formatHex(content, 0, Math.min(8, content.length))
                + "; "
                + OTHER);
      }
    }
    return Optional.empty();
  }
}
