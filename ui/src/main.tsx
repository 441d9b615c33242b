document.title = "OpsPilot";
