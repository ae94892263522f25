package dev.hydra.libtorch.io;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;

/** A folder cannot hold what is to be written to it. The message is for users. */
public final class UnusableFolderException extends IOException {
  private static final long serialVersionUID = 1;

  /**
   * Creates the exception.
   *
   * @param what what the folder is, such as {@code the run folder}
   * @param option how users name another
   * @param cause what became of trying
   */
  public UnusableFolderException(String what, Path folder, String option, IOException cause) {
    super(message(what + " " + folder, option, cause), cause);
  }

  private static String message(String folder, String option, IOException cause) {
    String problem =
        cause instanceof FileAlreadyExistsException || cause instanceof NotDirectoryException
            ? " cannot be made: " + ((FileSystemException) cause).getFile() + " is not a folder"
            : " cannot be written to (" + reason(cause) + ")";
    return folder + problem + "; choose another with " + option;
  }

  /** What is wrong, without the name of a file that was only to try it. */
  private static String reason(IOException cause) {
    if (cause instanceof AccessDeniedException) {
      return "access is denied";
    }
    String reason =
        cause instanceof FileSystemException file ? file.getReason() : cause.getMessage();
    return reason == null ? "nothing can be made there" : reason;
  }

  /**
   * Tries whether a folder can be written to, or be made where it is not there yet, and leaves
   * nothing behind.
   *
   * @throws UnusableFolderException if it cannot
   */
  public static void check(String what, Path folder, String option) throws UnusableFolderException {
    Path there = folder.toAbsolutePath();
    while (!Files.exists(there) && there.getParent() != null) {
      there = there.getParent();
    }
    try {
      if (!Files.isDirectory(there)) {
        throw new NotDirectoryException(there.toString());
      }
      Files.delete(Files.createTempFile(there, ".writable-", ""));
    } catch (IOException e) {
      throw new UnusableFolderException(what, folder, option, e);
    }
  }
}
