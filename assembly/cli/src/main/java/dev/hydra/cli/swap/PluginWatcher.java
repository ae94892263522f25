package dev.hydra.cli.swap;

import java.io.IOException;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.jar.JarFile;

/**
 * Watches folders for jars that are put into them, and tells of each when it has been left alone
 * for a while and is whole; of one that does not become whole, some time later.
 */
final class PluginWatcher implements AutoCloseable {
  private static final long QUIET_NANOS = TimeUnit.MILLISECONDS.toNanos(150);
  private static final long BROKEN_NANOS = TimeUnit.SECONDS.toNanos(3);
  private static final long LOOK_MILLIS = 50;

  private final WatchService watch;
  private final Consumer<Path> found;
  private final Consumer<String> warnings;
  private final Map<Path, Long> changed = new HashMap<>();

  /** What was told of: word of its last change may come after it was found to be whole. */
  private final Map<Path, Content> told = new HashMap<>();

  private final Thread thread;

  private record Content(FileTime modified, long size) {
    static Optional<Content> of(Path file) {
      try {
        var attributes = Files.readAttributes(file, BasicFileAttributes.class);
        return Optional.of(new Content(attributes.lastModifiedTime(), attributes.size()));
      } catch (IOException e) {
        return Optional.empty(); // it has gone
      }
    }
  }

  /**
   * Begins to watch, what lies there already included.
   *
   * @param folders the folders
   * @param found told of each jar
   * @throws IOException if one of them cannot be watched
   */
  PluginWatcher(List<Path> folders, Consumer<Path> found, Consumer<String> warnings)
      throws IOException {
    this.found = found;
    this.warnings = warnings;
    watch = FileSystems.getDefault().newWatchService();
    try {
      for (Path each : folders) {
        each.register(
            watch,
            StandardWatchEventKinds.ENTRY_CREATE,
            StandardWatchEventKinds.ENTRY_MODIFY,
            StandardWatchEventKinds.ENTRY_DELETE);
        look(each);
      }
    } catch (IOException e) {
      watch.close();
      throw e;
    }
    thread = new Thread(this::run, "hydra-plugins");
    thread.setDaemon(true);
    thread.start();
  }

  private void look(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      files.forEach(this::touched);
    }
  }

  private void touched(Path file) {
    String name = file.getFileName().toString();
    if (name.endsWith(".jar") && !name.startsWith(".")) {
      changed.put(file, System.nanoTime());
    }
  }

  private void run() {
    try {
      while (true) {
        WatchKey key =
            changed.isEmpty() ? watch.take() : watch.poll(LOOK_MILLIS, TimeUnit.MILLISECONDS);
        if (key != null) {
          take(key);
        }
        tellOfQuiet();
      }
    } catch (ClosedWatchServiceException e) {
      // the end
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void take(WatchKey key) {
    Path folder = (Path) key.watchable();
    try {
      for (WatchEvent<?> event : key.pollEvents()) {
        take(folder, event);
      }
      key.reset();
    } catch (IOException e) { // the others go on
      key.cancel();
      warnings.accept("the folder " + folder + " cannot be watched any more: " + e);
    }
  }

  private void take(Path folder, WatchEvent<?> event) throws IOException {
    if (event.kind() == StandardWatchEventKinds.OVERFLOW) {
      look(folder);
    } else if (event.kind() == StandardWatchEventKinds.ENTRY_DELETE) {
      changed.remove(folder.resolve((Path) event.context()));
      told.remove(folder.resolve((Path) event.context()));
    } else {
      touched(folder.resolve((Path) event.context()));
    }
  }

  private void tellOfQuiet() {
    long now = System.nanoTime();
    for (Map.Entry<Path, Long> each : Map.copyOf(changed).entrySet()) {
      long quiet = now - each.getValue();
      if (quiet >= BROKEN_NANOS || (quiet >= QUIET_NANOS && whole(each.getKey()))) {
        changed.remove(each.getKey());
        Optional<Content> content = Content.of(each.getKey());
        if (!content.equals(Optional.ofNullable(told.get(each.getKey())))) {
          content.ifPresent(it -> told.put(each.getKey(), it));
          found.accept(each.getKey());
        }
      }
    }
  }

  private static boolean whole(Path file) {
    try (JarFile jar = new JarFile(file.toFile())) {
      return jar.size() > 0;
    } catch (IOException e) {
      return false; // still being written, or not a jar
    }
  }

  @Override
  public void close() throws IOException {
    watch.close();
    try {
      thread.join(TimeUnit.SECONDS.toMillis(10));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
