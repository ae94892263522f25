package dev.hydra.cli.swap;

import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.Terminal;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.cli.plugins.RunPlugins;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.trainer.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The ways by which plugins of a running model are swapped: commands over a socket, and jars that
 * are put into the run's folder {@code plugins} or beside the installation's. A way that cannot be
 * opened is warned of; the work goes on without it.
 */
public final class SwapChannel implements AutoCloseable {
  private final RunFolder folder;
  private final Swapper swapper;
  private final PluginJars plugins;
  private final RunPlugins store;
  private final Terminal screen;
  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final Set<Path> earlier = ConcurrentHashMap.newKeySet();
  private boolean opened;

  public SwapChannel(
      RunFolder folder, Swapper swapper, PluginJars plugins, RunPlugins store, Terminal screen) {
    this.folder = folder;
    this.swapper = swapper;
    this.plugins = plugins;
    this.store = store;
    this.screen = screen;
  }

  /** Opens them the first time; the folder must be there, and no other process may use it. */
  public void open() {
    if (opened) {
      return;
    }
    opened = true;
    try {
      RunJournal journal = new RunJournal(folder.journal(), screen::warned);
      LiveSwaps live = new LiveSwaps(swapper, plugins, store, screen, journal);
      open.push(live);
      Path drop = Files.createDirectories(folder.path().resolve("plugins"));
      watch(drop, store.taken(drop), live);
      for (Path each : Installation.pluginFolders()) {
        watch(each, RunPlugins.jars(each), live); // what lies there is loaded
      }
      open.push(new ControlServer(new ControlSocket(folder.path()), live::answer));
    } catch (IOException | UnsupportedOperationException e) {
      screen.warned("plugins of this run cannot be swapped while it runs: " + e);
    }
  }

  /** Watches a folder; jars that are known are of interest when they change. */
  private void watch(Path drop, Collection<Path> known, LiveSwaps live) throws IOException {
    earlier.addAll(known);
    open.push(new PluginWatcher(drop, jar -> dropped(jar, live), screen::warned));
  }

  private void dropped(Path jar, LiveSwaps live) {
    if (earlier.remove(jar)) {
      return; // if it was swapped in before the run was resumed, the checkpoint says where
    }
    var answer = live.swap(SwapOrder.of(jar), "folder"); // told on the screen and in the journal
    assert !answer.isEmpty();
  }

  @Override
  public void close() throws IOException {
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (IOException e) {
        throw e;
      } catch (Exception e) {
        throw new IOException(e);
      }
    }
  }
}
