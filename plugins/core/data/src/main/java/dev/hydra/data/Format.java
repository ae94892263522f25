package dev.hydra.data;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;

/** What a file is, told by its first bytes; its name says nothing. */
enum Format {
  /** RFC 1952, section 2.3.1. */
  GZIP("1f8b", "", ""),
  /** RFC 8878, section 3.1.1. */
  ZSTD("28b52ffd", "", ""),
  PARQUET("50415231", "a Parquet file", "source = parquet, column = NAME"),
  ZIP("504b0304", "a zip archive", "the files that are in it"),
  BZIP2("425a68", "a bzip2 file", "the file unpacked, or packed with gzip or zstd"),
  XZ("fd377a585a00", "an xz file", "the file unpacked, or packed with gzip or zstd"),
  NUMPY("934e554d5059", "a NumPy file", "text"),
  PDF("255044462d", "a PDF document", "its text"),
  SQLITE("53514c697465", "an SQLite database", "its text"),
  UTF_32_LE("fffe0000", "in UTF-32", "UTF-8, such as iconv -t UTF-8 makes"),
  UTF_16_LE("fffe", "in UTF-16", "UTF-8, such as iconv -t UTF-8 makes"),
  UTF_16_BE("feff", "in UTF-16", "UTF-8, such as iconv -t UTF-8 makes");

  /** As many bytes as are looked at. */
  static final int BYTES = 6;

  private final String magic;
  private final String what;
  private final String instead;

  Format(String magic, String what, String instead) {
    this.magic = magic;
    this.what = what;
    this.instead = instead;
  }

  /** Returns the format of a file that begins so; nothing if it may be text. */
  static Optional<Format> of(byte[] start) {
    String hex = HexFormat.of().formatHex(start, 0, Math.min(BYTES, start.length));
    return Arrays.stream(values()).filter(each -> hex.startsWith(each.magic)).findFirst();
  }

  /** Says that a file is not text, and what to name instead. */
  String refusal(Object file) {
    return file + " is " + what + ", not text: use " + instead;
  }
}
