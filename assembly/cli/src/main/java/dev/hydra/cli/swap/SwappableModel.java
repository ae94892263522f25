package dev.hydra.cli.swap;

import com.typesafe.config.Config;
import dev.hydra.cli.common.Terminal;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.cli.plugins.RunPlugins;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.serve.ModelChanges;
import dev.hydra.trainer.run.RunFolder;
import dev.hydra.trainer.run.RunLock;
import dev.hydra.trainer.run.SwapEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A model in use whose components can be swapped through a folder. */
public final class SwappableModel implements AutoCloseable {
  private final Path folder;
  private final RunLock lock;
  private final Swapper swapper;
  private final SwapChannel channel;

  /**
   * Opens the folder.
   *
   * @throws IOException if another process has it, such as a training
   */
  public SwappableModel(
      Path folder, Model model, Config config, PluginJars plugins, Terminal screen)
      throws IOException {
    this.folder = folder;
    RunPlugins store = RunPlugins.of(folder, config); // may refuse the configuration
    Files.createDirectories(folder);
    lock = RunLock.take(folder);
    RunFolder files = new RunFolder(folder);
    RunJournal journal = new RunJournal(files.journal(), screen::warned);
    swapper = new Swapper(model, new Host(journal, screen));
    channel = new SwapChannel(files, plugins, store, screen);
    channel.started(swapper);
  }

  /** Says what happened. The last swap can be rolled back until the next. */
  private record Host(RunJournal journal, Terminal screen) implements SwapHost {
    @Override
    public void reported(SwapReport report) {
      SwapEvent event = SwapEvent.of(report);
      journal.add(event.name(), report.step(), event.details());
      SwapText.line(report).ifPresent(screen::say);
    }

    @Override
    public boolean canRollBack() {
      return true;
    }
  }

  /** Returns what changes it for those who do not have the swapper, such as a page. */
  public ModelChanges changes() {
    return new ChannelChanges(folder);
  }

  /** Returns what exchanges the components. */
  public Swapper swapper() {
    return swapper;
  }

  @Override
  public void close() throws IOException {
    swapper.close(); // what waits is refused, and those who asked are told
    channel.close();
    lock.close();
  }
}
