package dev.hydra.data;

import java.nio.file.Path;
import java.util.List;

/**
 * The files that a source reads.
 *
 * @param files the files, in order
 * @param reading how they are read: whatever besides their content decides about the text
 */
public record SourceFiles(List<Path> files, String reading) {
  /** Copies the list. */
  public SourceFiles {
    files = List.copyOf(files);
  }
}
