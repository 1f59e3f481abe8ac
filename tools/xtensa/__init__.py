"""Every portable kernel on an emulated Xtensa, bit by bit beside this computer: what is known of the ESP32-S3 here."""
