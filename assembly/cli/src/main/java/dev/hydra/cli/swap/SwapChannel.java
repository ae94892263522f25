package dev.hydra.cli.swap;

import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.Terminal;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.cli.plugins.RunPlugins;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.trainer.run.RunFolder;
import dev.hydra.trainer.run.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The ways by which plugins of a running model are swapped: commands over a socket, and jars that
 * are put into the run's folder {@code plugins} or beside the installation's. A way that cannot be
 * opened is warned of; the work goes on without it.
 */
public final class SwapChannel implements TrainingListener, AutoCloseable {
  /** The folder in that of a run where new plugins are put. */
  public static final String DROP = "plugins";

  private final RunFolder folder;
  private final PluginJars plugins;
  private final RunPlugins store;
  private final Terminal screen;
  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  /** Jars that are known: of interest when they change. */
  private final Set<Path> earlier = ConcurrentHashMap.newKeySet();

  /** Names the run folder; nothing is open yet. */
  public SwapChannel(RunFolder folder, PluginJars plugins, RunPlugins store, Terminal screen) {
    this.folder = folder;
    this.plugins = plugins;
    this.store = store;
    this.screen = screen;
  }

  /**
   * Opens them; the folder must be there, and no other process may use it.
   *
   * @param swapper what exchanges the components
   */
  @Override
  public void started(Swapper swapper) {
    try {
      RunJournal journal = new RunJournal(folder.journal(), screen::warned);
      LiveSwaps live = new LiveSwaps(swapper, plugins, store, screen, journal);
      Path drop = Files.createDirectories(folder.path().resolve(DROP));
      earlier.addAll(store.taken(drop));
      List<Path> folders = new ArrayList<>(List.of(drop));
      for (Path each : Installation.pluginFolders()) {
        earlier.addAll(RunPlugins.jars(each)); // what lies there is loaded
        folders.add(each);
      }
      open.push(new PluginWatcher(folders, jar -> dropped(jar, live), screen::warned));
      open.push(new ControlServer(new ControlSocket(folder.path()), live::answer));
    } catch (IOException | UnsupportedOperationException e) {
      screen.warned("plugins of this run cannot be swapped while it runs: " + e);
    }
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
