package dev.hydra.data;

import java.nio.file.Path;

/** One reading of files of JSON lines. */
abstract class JsonLinesReading extends RecordsReading implements JsonLines.Lines {
  JsonLinesReading(OnError onError) {
    super("line", onError);
  }

  @Override
  final void read(Path file) {
    JsonLines.read(file, this);
  }
}
